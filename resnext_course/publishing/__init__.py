"""What the course's commands do: set up, execute the notebooks, write book and decks."""
