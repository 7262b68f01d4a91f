"""What the consumer writes and the app reads; knows neither HTTP nor Kafka."""
