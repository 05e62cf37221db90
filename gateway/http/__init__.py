"""What all routes share: errors, bodies, streams, and clients that leave."""
