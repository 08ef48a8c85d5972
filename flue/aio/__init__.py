"""The asyncio face, on httpx. The only package that imports httpx."""
