"""The pages as a person has them: Debian's Chromium, driven by Playwright, on a live grid."""
