"""The request log: spooled before the answer leaves, in the database soon after."""
