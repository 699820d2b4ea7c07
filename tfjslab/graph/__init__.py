"""The graph (IR): inert data, its verification, and what is known of its values before it runs."""
