{# Fills `n` words, rounded up to a vector, with the one whose bits are the integer `bits`. One share only. #}
{% import "macros.wat" as m with context %}
(local.set $i_f @c)
{{ m.fill("f", (n + L - 1) // L * L, "(v128.const i32x4 %d %d %d %d)" % (bits, bits, bits, bits) if L > 1 else "(f32.reinterpret_i32 #%d)" % bits, L) }}
