"""Recording scripts that know nothing of nntui."""
