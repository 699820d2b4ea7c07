{# Sets `n` bytes to `value`. lo..hi is 0..1: one call. #}
{% import "macros.wat" as m with context %}
{{ m.fill_bytes("@c", n, value) }}
