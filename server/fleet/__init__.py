"""Fleet packs at the server: kept, assigned to boxes, handed out."""
