"""How a layer is cut into tiles, and where everything lies in memory."""
