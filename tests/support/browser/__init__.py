"""Pages as a person uses them: Chromium, repeated actions and labels, forms, accessibility, errors of a page."""
