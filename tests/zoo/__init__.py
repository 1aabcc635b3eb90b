"""Programs that are healthy, programs that are broken, and what the checks say of them."""
