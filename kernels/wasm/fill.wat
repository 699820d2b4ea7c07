{# Fills `n` floats, rounded up to a vector, with one value. One share only. #}
{% import "macros.wat" as m with context %}
(local.set $i_f @c)
{{ m.fill("f", (n + L - 1) // L * L, vconst(value), L) }}
