"""Embeddings and answers that were made elsewhere: reads their files and checks them."""
