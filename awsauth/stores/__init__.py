"""Where an aws-auth may live: each store is one of them."""
