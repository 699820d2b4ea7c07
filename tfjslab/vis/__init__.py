"""Charts for people who know tfjs-vis, and those it never had. The only room that knows matplotlib."""
