"""Floor 4: ``record`` holds the inert types, ``collect`` fills them, ``reduce`` sums them up."""
