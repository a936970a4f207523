// Shows the OpenAPI document. No validator: it would be another server.
const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();
SwaggerUIBundle({
  url: document.getElementById("api").dataset.url,
  dom_id: "#api",
  deepLinking: true,
  // A phone shows the groups alone, which can be unfolded: all operations are six screens.
  docExpansion: matchMedia("(max-width: 600px)").matches ? "none" : "list",
  validatorUrl: null,
});
