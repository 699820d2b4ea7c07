{# Sets `n` bytes to `value`. lo..hi is 0..1: one call. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{{ q.fill_bytes("@c", n, value) }}
