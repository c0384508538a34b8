"""Pictures of a query and of the candidates that recorded runs retrieve for it."""
