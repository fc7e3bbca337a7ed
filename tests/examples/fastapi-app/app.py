from fastapi import FastAPI, HTTPException

app = FastAPI()
prices: dict[str, int] = {}


@app.put("/prices/{name}", status_code=201)
def set_price(name: str, cents: int) -> None:
    if cents < 0:
        raise HTTPException(400, "a price cannot be negative")
    prices[name] = cents


@app.get("/prices/{name}")
def price(name: str) -> dict[str, int]:
    if name not in prices:
        raise HTTPException(404, f"{name} has no price")
    return {"cents": prices[name]}
