{# Resizes channel planes. Tables hold, for each new row (column), the byte offsets of the two old ones that it lies
   between and how far it is from the first; `nearest` has one offset only. A row is first mixed from two rows into
   scratch, whole vectors at a time, then its pixels from pairs of that. lo..hi are planes. #}
{% import "macros.wat" as m with context %}
{% set VB = 4 * L %}
{% call m.for("n", "@lo", "@hi") %}
(local.set $i_x (i32.add @x (i32.mul @i_n #{{ pitch_in }})))
(local.set $i_c (i32.add @c (i32.mul @i_n #{{ pitch_out }})))
(local.set $i_r @rows)
{% call m.repeat("y", "#%d" % height) %}
(local.set $i_a (i32.add @i_x (i32.load @i_r)))
{% if not nearest %}
(local.set $i_b (i32.add @i_x (i32.load offset=4 @i_r)))
(local.set $v_f (V.splat_load offset=8 @i_r))
(local.set $i_s @scratch)
{% call m.repeat("v", "#%d" % ((width_in + L - 1) // L)) %}
(local.set $v_a (V.load @i_a))
(V.store @i_s (V.add @v_a (V.mul (V.sub (V.load @i_b) @v_a) @v_f)))
{{ m.bump("i_a", VB) }}
{{ m.bump("i_b", VB) }}
{{ m.bump("i_s", VB) }}
{% endcall %}
(local.set $i_a @scratch)
{% endif %}
(local.set $i_k @columns)
{% call m.repeat("e", "#%d" % width) %}
{% if nearest %}
(f32.store @i_c (f32.load (i32.add @i_a (i32.load @i_k))))
{{ m.bump("i_k", 4) }}
{% else %}
(local.set $f_a (f32.load (i32.add @i_a (i32.load @i_k))))
(local.set $f_b (f32.load (i32.add @i_a (i32.load offset=4 @i_k))))
(f32.store @i_c (f32.add @f_a (f32.mul (f32.sub @f_b @f_a) (f32.load offset=8 @i_k))))
{{ m.bump("i_k", 12) }}
{% endif %}
{{ m.bump("i_c", 4) }}
{% endcall %}
{{ m.bump("i_r", 4 if nearest else 12) }}
{% endcall %}
{% endcall %}
