"""The blocking face, on requests. The only package that imports requests and urllib3."""
