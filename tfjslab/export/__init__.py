"""Taking a model away: formats that run without this package."""
