"""What is known of a tile from elsewhere: objects that people mapped, and where in the world it lies."""
