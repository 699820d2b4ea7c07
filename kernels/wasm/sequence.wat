{# The numbers start + i * delta, computed in doubles, as `type` f32, or as i32 without their fractions; with `stop` the
   last of `n` is that. lo..hi are numbers. #}
{% import "macros.wat" as m with context %}
{% set made = {"f32": "f32.demote_f64", "i32": "i32.trunc_sat_f64_s"}[type] %}
(local.set $i_to (i32.add @c (i32.shl @lo #2)))
{% call m.for("i", "@lo", "@hi") %}
({{ type }}.store @i_to ({{ made }} (f64.add (f64.const {{ start }}) (f64.mul (f64.convert_i32_u @i_i) (f64.const {{ delta }})))))
{{ m.bump("i_to", 4) }}
{% endcall %}
{% if stop %}
(if (i32.eq @hi #{{ n }}) (then ({{ type }}.store (i32.sub @i_to #4) ({{ made }} (f64.const {{ stop }})))))
{% endif %}
