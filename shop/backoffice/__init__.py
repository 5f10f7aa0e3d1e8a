"""The admin's own furniture: pages, cards, panels, finders and the links between the roles' admins."""
