"""A scalar autograd engine that can be read in one sitting."""
