"""Pictures from numbers: each as series for the browser, as SVG and as a table."""
