"""Store adapters: where links, intents, cursors, conflicts and history live on disk."""
