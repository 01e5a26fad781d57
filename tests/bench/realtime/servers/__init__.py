"""Small servers on libraries, as their own documentation would have a broadcast written."""
