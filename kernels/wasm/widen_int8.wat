{# Bytes become 16-bit integers: c = (x - zero) * f. `lines` lines of `width` elements share the factors at f, which
   there are where `scaled`. lo..hi are groups of lines. x may be the upper half of c: what is read is ahead of what is
   written, the whole way. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{% set vectors = width // 8 if L > 1 else 0 %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_x (i32.add @x (i32.mul @i_u #{{ lines * width }})))
(local.set $i_c (i32.add @c (i32.mul @i_u #{{ 2 * lines * width }})))
{% call m.repeat("line", "#%d" % lines) %}
{% if scaled %}
(local.set $i_f (i32.add @f (i32.mul @i_u #{{ 2 * width }})))
{% endif %}
{% if vectors %}
{% call m.repeat("v", "#%d" % vectors) %}
(local.set $v_a (v128.load8x8_{{ sign }} @i_x))
{% if zero %}
(local.set $v_a (i16x8.sub @v_a {{ q.shorts(zero) }}))
{% endif %}
{% if scaled %}
(local.set $v_a (i16x8.mul @v_a (v128.load @i_f)))
{{ m.bump("i_f", 16) }}
{% endif %}
(v128.store @i_c @v_a)
{{ m.bump("i_x", 8) }}
{{ m.bump("i_c", 16) }}
{% endcall %}
{% endif %}
{% if width - 8 * vectors %}
{% call m.repeat("e", "#%d" % (width - 8 * vectors)) %}
(local.set $i_a (i32.sub (i32.load8_{{ sign }} @i_x) #{{ zero }}))
{% if scaled %}
(local.set $i_a (i32.mul @i_a (i32.load16_u @i_f)))
{{ m.bump("i_f", 2) }}
{% endif %}
(i32.store16 @i_c @i_a)
{{ m.bump("i_x", 1) }}
{{ m.bump("i_c", 2) }}
{% endcall %}
{% endif %}
{% endcall %}
{% endcall %}
