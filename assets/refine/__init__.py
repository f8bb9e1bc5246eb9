"""How landed rows become refined rows. One file per kind of settling."""
