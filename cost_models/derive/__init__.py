"""Tables built, checked and compared with whole designs."""
