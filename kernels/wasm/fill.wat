{# Fills `n` words, rounded up to a vector, with the one whose bits are the integer `bits`. One share only. #}
{% import "macros.wat" as m with context %}
{% set words = (n + L - 1) // L * L %}
{% if bits in (0, -1) %}
{{ m.fill_bytes("@c", 4 * words, bits % 256) }}
{% else %}
(local.set $i_f @c)
{{ m.fill("f", words, "(v128.const i32x4 %d %d %d %d)" % (bits, bits, bits, bits) if L > 1 else "(f32.reinterpret_i32 #%d)" % bits, L) }}
{% endif %}
