"""``tf.quantize``: a smaller or faster model, and what that cost."""
