// Shows the OpenAPI document. No validator: it would be another server.
SwaggerUIBundle({
  url: document.getElementById("api").dataset.url,
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
});
