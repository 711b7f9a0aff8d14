"""The rules, without sockets, files or SQL: what events do, when messages go, and what a failure means."""
