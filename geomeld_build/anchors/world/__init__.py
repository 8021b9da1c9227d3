"""Where on Earth a place is: biomes, ecoregions, continents, countries, and the strata made of them."""
