"""What is known of a set of captions: how true, how complete, how varied; and what people say of them."""
