"""Pages as a person uses them: Chromium, forms, accessibility, what a browser complains of."""
