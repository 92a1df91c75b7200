"""Tables, the engine that keeps them durable, and the migrations shipped with the package."""
