"""Small programs on loopback for what stands between a client and a server: proxies, relays, resolvers, odd servers."""
