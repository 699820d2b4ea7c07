"""The command line: it parses, calls the floors below and presents. Every number comes from below."""
