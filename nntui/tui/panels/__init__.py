"""What each part of a screen says: pure functions of a snapshot, a size and a Paint; no Textual."""
