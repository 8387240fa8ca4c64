"""What is compressed in the tests of the clients."""

from condensery import Document

LOUVRE = Document("louvre", "The Louvre is in Paris. It has a pyramid.", "Louvre", {"page": 3})
PRADO = Document("prado", "The Prado is in Madrid. It has no pyramid.")
EMPTY = Document("empty", "  ")
QUERY = "pyramid in Paris?"
