"""What a caption may say: measurements on the arrays of a tile. Pure functions; nothing here reads a store."""
