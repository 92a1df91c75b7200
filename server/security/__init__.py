"""Who may do what: reviewers by session cookie, devices by token, and everything denied that is not declared."""
