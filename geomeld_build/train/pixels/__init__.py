"""From stored integers to what a network is shown and what it is asked for, on the device."""
