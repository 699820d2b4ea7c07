"""Interactive views of profiles and graphs: JavaScript modules with their data, for notebooks and as single files."""
